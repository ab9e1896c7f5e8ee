/** The unit that a word names: a service, where it has no suffix. */
export function unitName(word: string): string {
  return /\.[a-z]+$/.test(word) ? word : `${word}.service`;
}
