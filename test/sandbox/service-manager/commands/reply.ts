/** What a program of the sandbox prints, and its exit status. */
export interface Reply {
  status: number;
  /** A failure's text goes to stderr; an answer with a status other than 0 goes to stdout. */
  stream: 'stdout' | 'stderr';
  text: string;
}

export const answer = (text: string, status = 0): Reply => ({ status, stream: 'stdout', text });
export const failure = (text: string, status = 1): Reply => ({ status, stream: 'stderr', text: `${text}\n` });
