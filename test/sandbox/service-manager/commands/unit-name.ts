/** The unit that a word names. Without a suffix it is a service. */
export function unitName(word: string): string {
  return /\.[a-z]+$/.test(word) ? word : `${word}.service`;
}
