/** What the exit status of smm-agent says. The numbers from 64 on are those of sysexits.h. */
import type { ErrorCode } from '../error-codes.ts';
import type { AgentError } from '../errors.ts';

export const EXIT = {
  /** Done. For `pending`: a restart is pending. */
  ok: 0,
  /** The command could not do its work; stderr says why. For `pending`: no restart is pending. */
  failed: 1,
  /** `pending` only: whether a restart is pending is unknown. */
  unknown: 2,
  /** Unknown command or option, wrong number of arguments. Nothing was done. */
  usage: 64,
  /** The control plane did not answer, or the agent cannot use its answer. */
  unavailable: 69,
  /** A bug in smm-agent; stderr has the stack. */
  internal: 70,
  /** Another process holds the lock, or another agent runs: try again later. */
  temporary: 75,
  /** The command needs root. */
  noPermission: 77,
  /** /etc/smm/agent.yaml is missing or wrong. */
  misconfigured: 78,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Codes that have an exit status of their own; the others go by their room. */
const BY_CODE: Partial<Record<ErrorCode, ExitCode>> = {
  SMM601: EXIT.usage,
  SMM602: EXIT.noPermission,
  SMM505: EXIT.temporary,
  SMM535: EXIT.temporary,
  SMM604: EXIT.temporary,
};

/** The exit status of a command that ended with this error. */
export function exitCodeOf({ code }: AgentError): ExitCode {
  const own = BY_CODE[code];
  if (own !== undefined) return own;
  if (code.startsWith('SMM1')) return EXIT.misconfigured;
  return code.startsWith('SMM2') ? EXIT.unavailable : EXIT.failed;
}
