/**
 * The kill points of the scripts in systemd/bin: `at NAME` in lib.sh. kill-points.test.ts checks that the scripts and
 * these lists agree. test/vm/activation/kill-points.test.ts and test/vm/self-upgrade/kills.test.ts kill the scripts at
 * each point on a real systemd.
 */

/** Passed at a restart into a staged release. */
export const SWITCH_POINTS = [
  'stop-noted',
  'file-temporary-written',
  'file-renamed',
  'switch-rules-removed',
  'switch-noted',
  'switch-ends-forgotten',
  'link-temporary-made',
  'link-renamed',
  'switch-done',
  'start-noted',
  'hosts-written',
  'hosts-done',
  'root-cert-done',
  'chains-kind-cleaned',
] as const;

/** Passed if /etc/hosts is a mount of its own. */
export const MOUNTED_HOSTS_POINTS = ['hosts-in-place-begun'] as const;

/** Passed after a stop by an operator that is followed by a start. */
export const STOP_POINTS = ['stop-start-scheduled'] as const;

/** Passed while a bad release is rolled back. */
export const PUT_BACK_POINTS = [
  'put-back-counted',
  'put-back-staged-reset',
  'put-back-rejected',
  'put-back-ordered',
  'put-back-done',
] as const;

/** Passed when the release to which Istio was rolled back ends in the same way. */
export const WITHDRAWAL_POINTS = ['put-back-rejection-withdrawn'] as const;

/** Passed by agent-guard while a new version is started on probation. */
export const TRIAL_POINTS = ['agent-trial-armed', 'agent-trial-renewed', 'agent-trial-begun'] as const;

/** Passed by agent-guard after an operator has stopped that version. */
export const TRIAL_END_POINTS = ['agent-end-noted'] as const;

/** Passed while that version is rolled back. */
export const AGENT_PUT_BACK_POINTS = [
  'agent-rejected',
  'agent-switched-back',
  'agent-previous-restored',
  'agent-evidence-kept',
] as const;

/** Passed when the deadline of that version has come. */
export const DEADLINE_POINTS = [
  'agent-deadline-again',
  'agent-deadline-restart-asked',
  'agent-deadline-prolonged',
] as const;
