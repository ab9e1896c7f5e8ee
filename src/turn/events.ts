/** The events of a turn, for the journal, a terminal and the clients of the daemon's socket. */
import { z } from 'zod';

export const TurnEvent = z.discriminatedUnion('kind', [
  /**
   * A fact: the machine was observed, or the control plane has answered. `isProblem`: the fact keeps the agent from its
   * work.
   */
  z.object({ kind: z.literal('learnt'), text: z.string(), isProblem: z.boolean().optional() }),
  z.object({ kind: z.literal('begun'), step: z.string(), text: z.string() }),
  z.object({ kind: z.literal('done'), step: z.string(), text: z.string() }),
  z.object({ kind: z.literal('failed'), step: z.string(), text: z.string(), remedy: z.string() }),
  z.object({ kind: z.literal('not-done'), step: z.string(), text: z.string() }),
  /** Only for the journal at level debug. */
  z.object({
    kind: z.literal('detail'),
    text: z.string(),
    fields: z.record(z.string(), z.union([z.string(), z.number()])),
  }),
  /** The progress of a long download. */
  z.object({ kind: z.literal('progress'), bytes: z.number(), total: z.number().nullable() }),
]);
export type TurnEvent = z.infer<typeof TurnEvent>;

export type Tell = (event: TurnEvent) => void;
