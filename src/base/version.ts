/** The agent's own version. The bundle of a package carries it as a constant; a checkout reads package.json. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';

declare const SMM_AGENT_VERSION: string | undefined;

export const AGENT_VERSION: string = typeof SMM_AGENT_VERSION === 'string' ? SMM_AGENT_VERSION : ofCheckout();

function ofCheckout(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}
