/**
 * The points of the scripts in systemd/bin at which a test ends them: `at NAME` in istio-lib.sh. The test beside this file sees
 * that scripts and lists name the same; test/vm/kill-points-activation.test.ts runs into each on a real systemd.
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

/** Passed after a stop by hand that becomes a restart. */
export const STOP_POINTS = ['stop-start-scheduled'] as const;

/** Passed while a bad release is put back. */
export const PUT_BACK_POINTS = [
  'put-back-counted',
  'put-back-staged-reset',
  'put-back-rejected',
  'put-back-ordered',
  'put-back-done',
] as const;

/** Passed when the release that was put back ends in the same way. */
export const WITHDRAWAL_POINTS = ['put-back-rejection-withdrawn'] as const;
