/** The control plane as a turn needs it: it names the target and takes the report. */
import type { TokenFacts } from '../control-plane/kubernetes/token-facts.ts';
import type { EntryReport } from '../control-plane/report/entry-report.ts';
import type { Versions } from '../control-plane/report/lease-object.ts';
import type { AgentPolicy } from '../control-plane/target/agent-policy.ts';
import type { Target } from '../control-plane/target/target.ts';
import type { ProxyIdentity } from '../istio/proxy-environment.ts';
import type { Status } from '../status/status.ts';
import type { Ask, Reported } from './dependencies.ts';

export interface ControlPlane {
  /**
   * The target of this machine. Does not reject for any response of the control plane, or for none: these are answers.
   * Asks once at a time: a second call gets the answer of a request that is under way, unless `ask` is `fresh`. Returns
   * the same object while nothing changes.
   */
  target(ask: Ask): Promise<Target>;
  /** The control plane's settings for the agents, as of the last `target`. */
  agentPolicy(): AgentPolicy;
  /**
   * Whether a revision's control plane is in the cluster; null if that is unknown. Does not reject for any response.
   */
  hasRevision(revision: string): Promise<boolean | null>;
  /** Whether the control plane has given any response since this process began: any HTTP status counts. */
  hasAnswered(): boolean;
  /** The group and the expiry of the token of the last request; null if unknown. */
  token(): TokenFacts | null;
  /**
   * Writes the status to the WorkloadEntry and the Lease. Writes only changes, and keeps the fields of other writers. A
   * failure is a warning in the result, and does not reject.
   */
  report(status: Status, about: { revisionGone: boolean; identity: ProxyIdentity | null }): Promise<Reported>;
  /**
   * Writes a last report to the entry, without a status. Resolves with the reason if it was not written, otherwise with
   * null.
   */
  publishLast(report: EntryReport, versions: Versions, known: ProxyIdentity | null): Promise<string | null>;
  /** Requests and bytes since the start. */
  usage(): { requests: number; answers: number; bytes: number };
  /** Cuts off requests that are under way. Safe to repeat. */
  close(): void;
}
