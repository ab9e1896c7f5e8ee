/** `systemd-run --on-active=...`: the transient timer that starts Istio after `systemctl stop istio`. */

import type { EmbeddedServiceManager } from '../manager.ts';
import { toEnvironment } from '../units/environment.ts';
import { parseSpanMs } from '../units/words.ts';
import { parseArguments } from './arguments.ts';
import { answer, failure, type Reply } from './reply.ts';

const OPTIONS = {
  unit: true,
  description: true,
  property: true,
  'timer-property': true,
  setenv: true,
  'on-active': true,
  quiet: false,
  collect: false,
  'no-block': false,
  'no-ask-password': false,
  system: false,
};

/**
 * Without --on-active the program starts at once, and systemd-run does not wait for it. Properties of the unit are
 * ignored.
 */
export function systemdRun(manager: EmbeddedServiceManager, args: readonly string[]): Reply {
  const { options, words } = parseArguments(
    args,
    OPTIONS,
    { q: 'quiet', G: 'collect', E: 'setenv', p: 'property', u: 'unit' },
    true,
  );
  const [program, ...rest] = words;
  if (program === undefined) return failure('Command line to execute required.');
  const unit = (options.get('unit')?.at(-1) ?? `run-${manager.transient.names().length}-${Date.now()}`).replace(
    /\.(timer|service)$/,
    '',
  );
  try {
    manager.transient.schedule({
      unit,
      delayMs: parseSpanMs(options.get('on-active')?.at(-1) ?? '0'),
      argv: [program, ...rest],
      environment: toEnvironment(options.get('setenv') ?? []),
    });
  } catch (error) {
    return failure(`Failed to start transient timer unit: ${(error as Error).message}`);
  }
  return options.has('quiet')
    ? answer('')
    : { status: 0, stream: 'stderr', text: `Running timer as unit: ${unit}.timer\n` };
}
