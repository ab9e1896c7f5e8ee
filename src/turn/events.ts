/** What a turn says while it goes: the journal, a terminal and the socket of the daemon are told the same. */
import { z } from 'zod';

export const TurnEvent = z.discriminatedUnion('kind', [
  /** Something was found out: the host was observed, the control plane answered. A problem: it keeps the agent from its work. */
  z.object({ kind: z.literal('learnt'), text: z.string(), isProblem: z.boolean().optional() }),
  z.object({ kind: z.literal('begun'), step: z.string(), text: z.string() }),
  z.object({ kind: z.literal('done'), step: z.string(), text: z.string() }),
  z.object({ kind: z.literal('failed'), step: z.string(), text: z.string(), remedy: z.string() }),
  z.object({ kind: z.literal('not-done'), step: z.string(), text: z.string() }),
  /** For whoever looks closely: the journal at level debug. */
  z.object({
    kind: z.literal('detail'),
    text: z.string(),
    fields: z.record(z.string(), z.union([z.string(), z.number()])),
  }),
  /** Of a long download. */
  z.object({ kind: z.literal('progress'), bytes: z.number(), total: z.number().nullable() }),
]);
export type TurnEvent = z.infer<typeof TurnEvent>;

export type Tell = (event: TurnEvent) => void;
