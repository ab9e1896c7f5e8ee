/** The control plane as a turn needs it: what is wanted here, and where the status is reported. */
import type { TokenFacts } from '../control-plane/kubernetes/token-facts.ts';
import type { EntryReport } from '../control-plane/report/entry-report.ts';
import type { AgentPolicy } from '../control-plane/target/agent-policy.ts';
import type { Target } from '../control-plane/target/target.ts';
import type { ProxyIdentity } from '../istio/proxy-environment.ts';
import type { Status } from '../status/status.ts';
import type { Ask, Reported } from './dependencies.ts';

export interface ControlPlane {
  /**
   * What is wanted here. Never rejects for what the control plane says or does not say: that is an answer. One question at a time: the
   * answer that is on its way is the next one's as well, unless `ask` is `anew`. While nothing has changed the same object is returned.
   */
  target(ask: Ask): Promise<Target>;
  /** What is wanted of the agents themselves, as of the last `target`. */
  agentPolicy(): AgentPolicy;
  /** Whether a revision's control plane is in the cluster; null when that cannot be told now. Never rejects for what it says. */
  hasRevision(revision: string): Promise<boolean | null>;
  /** Whether the control plane has given any response since this process began: any HTTP status counts. */
  hasAnswered(): boolean;
  /** Whose token the last request had, and until when it is valid; null where that cannot be told. */
  token(): TokenFacts | null;
  /**
   * Says the status where operators look for it. Writes only what has changed, and keeps what others have written there. What could not be
   * said is a warning, and no rejection.
   */
  report(status: Status, about: { revisionGone: boolean; identity: ProxyIdentity | null }): Promise<Reported>;
  /** Says something on the entry that no status tells. Resolves with what kept that from being said, null when it was. */
  publishLast(report: EntryReport, known: ProxyIdentity | null): Promise<string | null>;
  /** Requests and bytes since the start. */
  usage(): { requests: number; answers: number; bytes: number };
  /** Ends requests that are under way. Safe to repeat. */
  close(): void;
}
