/** The result of a new root, in words. */
import type { Rotated } from '../operations/rotate.ts';
import { lackingTexts } from '../operations/sign-draft.ts';
import type { Io } from './command.ts';

export function writeRotated(rotated: Rotated, io: Io): void {
  io.stdout.write(`${linesOf(rotated).join('\n')}\n`);
}

function linesOf(rotated: Rotated): string[] {
  switch (rotated.answer) {
    case 'completed':
      return [`an earlier run has made root ${rotated.version}, and it is in force; nothing else was done`];
    case 'published':
      return [...rotated.made.map((file) => `made the key ${file}`), `published root ${rotated.version}`];
    case 'draft':
      return [
        ...rotated.made.map((file) => `made the key ${file}`),
        `root ${rotated.version} is not published yet: the draft ${rotated.file} waits for signatures`,
        ...lackingTexts(rotated.lacking).map((line) => `  ${line}`),
        'what to do: let them sign (repository sign <draft> --keys <folder>), then repository publish-root',
      ];
  }
}
