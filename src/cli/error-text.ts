/** How a command shows an error: the sentence with its causes and code, and what to do about it. */
import { type AgentError, describeError } from '../base/errors.ts';

/** Two lines for stderr. */
export function errorText(error: AgentError): string {
  return `smm-agent: ${describeError(error)} (${error.code})\n  what to do: ${error.remedy}\n`;
}
