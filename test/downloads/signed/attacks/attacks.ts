/**
 * Every way of being attacked through metadata: each is refused with its own error, nothing is lost of what was known,
 * and an honest repository is believed again afterwards.
 */
import { it } from 'node:test';
import type { MetadataLimits } from '../../../../src/downloads/signed/limits.ts';
import type { Publisher } from '../publisher.ts';
import type { Answer } from '../repository-server.ts';
import { Scene, TARGET } from '../scene.ts';

interface Attack {
  what: string;
  /** Before the machine asks for the first time. */
  before?: (publisher: Publisher) => void;
  /** The machine has seen root 1, and version 2 of everything else. */
  attack: (publisher: Publisher, answers: Map<string, Answer>) => void;
  code: string;
  says: RegExp;
  /** What was verified before the attack showed: it is kept. */
  advances?: string[];
  /** A machine that does not wait long. */
  limits?: { metadata: MetadataLimits };
}

/** What is in order until the attack shows. */
export const SNAPSHOT_ATTACK = { advances: ['timestamp.json'] };
export const TARGETS_ATTACK = { advances: ['snapshot.json', 'timestamp.json'] };

/** A test for each. */
export function refuses(attacks: readonly Attack[]): void {
  for (const { what, before, attack, code, says, advances = [], ...options } of attacks) {
    it(`${what} (${code})`, async () => {
      await using scene = await Scene.begin();
      const { publisher, server } = scene;
      before?.(publisher);
      await scene.client().target(TARGET);
      const heal = publisher.remember();
      attack(publisher, server.answers);
      await scene.assertRefused({ code, message: says }, { ...options, advances });
      // Nor the second time, when what was seen at the first is known.
      await scene.assertRefused({ code, message: says }, options);
      server.answers.clear();
      heal(advances.some((name) => name.startsWith('roots/')));
      await scene.fetch();
    });
  }
}
