/**
 * A machine with both kinds of iptables for IPv4 and IPv6, and no rules. The programs are stand-ins that answer from
 * files.
 */
import { A, ScriptMachine } from './script-machine.ts';

export function iptablesMachine(): ScriptMachine {
  const made = new ScriptMachine().release(A).link('active', A);
  for (const ip of ['ip', 'ip6']) {
    made.program(`${ip}tables`, 'echo "iptables v1.8.9 (nf_tables)"').program(`${ip}tables-save`, 'exit 9');
    for (const kind of ['legacy', 'nft']) {
      made.program(`${ip}tables-${kind}-save`, `cat "$answers/${ip}-${kind}" 2>/dev/null || :`);
      made.program(`${ip}tables-${kind}-restore`, `cat >>"$answers/restored-${ip}-${kind}"`);
    }
  }
  return made;
}

/** The input of a restore; null if there was no restore. */
export function restored(made: ScriptMachine, which: string): string | null {
  return made.read(`answers/restored-${which}`);
}
