/** What the control plane wants of this machine. Each way of not knowing is an answer of its own. */
import type { VmInputs } from '../../istio/configuration/inputs.ts';

/** A revision of Istio's control plane, resolved through tags. */
export interface Revision {
  /** The label's value, for example `prod` or `cp-v115x.istio-system`. */
  asked: string;
  /** The resolved name: `default` for the unrevisioned install, else for example `canary` or `1-31-1`. */
  name: string;
}

export type Target =
  /** Istio `istioVersion` of `revision` is wanted; the VM's configuration is rendered from `inputs`. */
  | { answer: 'wanted'; revision: Revision; istioVersion: string; inputs: VmInputs }
  /** An upgrade of the control plane is under way, or two sources disagree for the moment: nothing is done. */
  | { answer: 'unsettled'; reason: string }
  /** The namespace asks for no injection, or the tag, revision or group does not exist. */
  | { answer: 'missing'; reason: string }
  /** Two sources name different revisions: an administrator must say which. */
  | { answer: 'ambiguous'; reason: string }
  /** 401 or 403: `reason` names the missing right. */
  | { answer: 'forbidden'; reason: string }
  /** No answer in time, TLS not verified, or an answer that is not from Kubernetes. */
  | { answer: 'unreachable'; reason: string }
  /** The control plane's objects must not be used here (src/decision/wanted.ts finds that out): nothing is staged. */
  | { answer: 'invalid'; reason: string };
