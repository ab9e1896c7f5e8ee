/** `systemd-notify`: a message of a service. As in systemd, the sending process tells which unit it is. */

import type { EmbeddedServiceManager } from '../manager.ts';
import { toEnvironment } from '../units/environment.ts';
import { parseArguments } from './arguments.ts';
import { answer, failure, type Reply } from './reply.ts';

const OPTIONS = { ready: false, status: true, pid: true, 'no-block': false };

/** `caller` is the process of systemd-notify, which waits for the reply. */
export function systemdNotify(manager: EmbeddedServiceManager, caller: number, args: readonly string[]): Reply {
  const { options, words } = parseArguments(args, OPTIONS);
  const service = manager.serviceOf(caller);
  // systemd ignores such a message without an error. Here that would be hard to find.
  if (service === null) return failure(`cannot tell what unit process ${caller} belongs to`);
  // The real program sends in the name of the given process, if it has the privilege to do so.
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
