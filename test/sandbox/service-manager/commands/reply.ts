/** The output of a program of the sandbox, and its exit status. */
export interface Reply {
  status: number;
  /** The text of a failure goes to stderr. An answer with a status other than 0 goes to stdout. */
  stream: 'stdout' | 'stderr';
  text: string;
}

export const answer = (text: string, status = 0): Reply => ({ status, stream: 'stdout', text });
export const failure = (text: string, status = 1): Reply => ({ status, stream: 'stderr', text: `${text}\n` });
