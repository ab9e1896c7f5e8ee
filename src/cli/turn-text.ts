/** A turn at a terminal: a tick for each step, a cross for a failure, and the progress of a long download. */

import type { Output } from '../base/cli/io.ts';
import type { TurnEvent } from '../turn/events.ts';

const MIB = 1024 * 1024;

export function showTurn(out: Output): (event: TurnEvent) => void {
  let shown: string | null = null;
  const line = (text: string) => {
    out.write(`${shown === null ? '' : '\r\x1b[K'}${text}\n`);
    shown = null;
  };
  return (event) => {
    switch (event.kind) {
      case 'learnt':
        return line(`${event.isProblem ? '✗' : '✓'} ${event.text}`);
      case 'begun':
        return line(`… ${event.step}: ${event.text}`);
      case 'done':
        return line(`✓ ${event.text}`);
      case 'failed':
        return line(`✗ ${event.text}\n  what to do: ${event.remedy}`);
      case 'not-done':
        return line(`- ${event.step}: ${event.text}`);
      case 'detail':
        return;
      case 'progress': {
        const text = progress(event);
        // Only a terminal can overwrite a line. There is an event for each 64 KB, and most of them do not change the
        // text.
        if (!out.isTTY || text === shown) return;
        out.write(`\r\x1b[K${text}`);
        shown = text;
        return;
      }
    }
  };
}

function progress({ bytes, total }: { bytes: number; total: number | null }): string {
  if (total === null || total === 0) return `  ${Math.floor(bytes / MIB)} MiB`;
  return `  ${Math.floor((100 * bytes) / total)} % of ${(total / MIB).toFixed(1)} MiB`;
}
