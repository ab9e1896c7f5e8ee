/**
 * Words that readers stumble over, and a plainer word for each. CONTRIBUTING.md has the same list for people.
 * The patterns are for text without code: a name such as `agent-put-back` stays as it is.
 */
export interface Word {
  /** As CONTRIBUTING.md lists it. */
  readonly word: string;
  readonly pattern: RegExp;
  readonly plainer: string;
}

export const WORDS: readonly Word[] = [
  {
    word: 'put back',
    pattern: /\bput(?:s|ting)?(?: [\w-]+){0,4} back\b/i,
    plainer: 'roll back (a version or release), restore (a file)',
  },
  { word: 'wish', pattern: /\bwish(?:es|ed|ing)?\b/i, plainer: 'request, or: by an operator' },
  { word: 'anew', pattern: /\banew\b/i, plainer: 'again' },
  { word: 'prolong', pattern: /\bprolong(?:s|ed|ing|ation)?\b/i, plainer: 'extend' },
  { word: 'whichever', pattern: /\bwhichever\b/i, plainer: 'any' },
  { word: 'whatever', pattern: /\bwhatever\b/i, plainer: 'any, or: everything that' },
  { word: 'somebody', pattern: /\bsome(?:body|one)(?: else)?\b/i, plainer: 'an operator, another process' },
  { word: 'whoever', pattern: /\bwho(?:m)?ever\b/i, plainer: 'an operator, any user who' },
  { word: 'nobody', pattern: /\b(?:nobody|no one)\b/i, plainer: 'none, or a sentence with "not"' },
  { word: 'in vain', pattern: /\bin vain\b/i, plainer: 'fails, or: without success' },
  { word: 'is at it', pattern: /\b(?:is|are|was|were) at it\b/i, plainer: 'is busy, or: holds the lock' },
];
