/**
 * The protocol of the daemon's socket: the client sends one line of JSON; the daemon answers a line for each event, and
 * the end.
 */
import { z } from 'zod';
import { TurnEvent } from '../../turn/events.ts';

/** What a command is told at the end. `state`: that of the agent after a turn; a daemon of 0.2.0 leaves it out. */
const End = z.object({
  ok: z.boolean(),
  text: z.string(),
  state: z.string().optional(),
  /** Why the agent goes on with the configuration that it had read before; left out where it has read the file. */
  notRead: z.string().optional(),
});
export type End = z.infer<typeof End>;

export const Answer = z.union([z.object({ event: TurnEvent }), z.object({ end: End })]);

export type Answer = z.infer<typeof Answer>;

export const Request = z.object({
  /**
   * `reconcile`: make a turn. `reload`: read the configuration again. `look`: make a turn without asking the control
   * plane again. `yield`: the service starts, so a command that makes a turn, or an agent that was started by hand, has
   * to end.
   */
  do: z.enum(['reconcile', 'reload', 'look', 'yield']),
  /** For `reload`: answer only after the turn that follows. */
  turn: z.boolean().optional(),
});

export type Request = z.infer<typeof Request>;
