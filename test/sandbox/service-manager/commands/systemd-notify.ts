/** `systemd-notify`: what a service says of itself. As systemd does it, the unit is known by the process that asks. */

import type { EmbeddedServiceManager } from '../manager.ts';
import { toEnvironment } from '../units/environment.ts';
import { parseArguments } from './arguments.ts';
import { answer, failure, type Reply } from './reply.ts';

const OPTIONS = { ready: false, status: true, pid: true, 'no-block': false };

/** `caller` is the process of systemd-notify itself, which waits for the reply. */
export function systemdNotify(manager: EmbeddedServiceManager, caller: number, args: readonly string[]): Reply {
  const { options, words } = parseArguments(args, OPTIONS);
  const service = manager.serviceOf(caller);
  // The real one leaves such a message alone without a word, which would be hard to find here.
  if (service === null) return failure(`cannot tell what unit process ${caller} belongs to`);
  // With the privilege to do so, the real one sends in the name of the process that it is given.
  const sender = Number(options.get('pid')?.at(-1) ?? caller);
  const { notifyAccess } = service.definition.service;
  if (notifyAccess === 'none' || (notifyAccess !== 'all' && sender !== service.mainPid)) {
    manager.note(service.name, `Got notification message from PID ${sender}, but reception is not permitted for it`);
    return answer('');
  }
  if (options.has('pid') && sender !== service.mainPid) return failure('cannot stand in for another main process');
  service.notify({
    ...(options.has('ready') ? { READY: '1' } : {}),
    ...(options.has('status') ? { STATUS: options.get('status')?.at(-1) ?? '' } : {}),
    ...toEnvironment(words),
  });
  return answer('');
}
