/** `smm-agent set bearer-token`: the token for the Kubernetes API. The token is never printed, not even in part. */
import { dirname } from 'node:path';
import type { Io } from '../base/cli/io.ts';
import { AgentError } from '../base/errors.ts';
import { onMachine } from '../base/paths.ts';
import { loadConfig } from '../config/load.ts';
import { endOfToken, otherGroup, tokenFacts } from '../control-plane/kubernetes/token-facts.ts';
import { makeFolder, readText, writeAtomically } from '../host/files/files.ts';

const DEFAULT_FILE = '/etc/smm/credentials/token';
const MAX_CHARS = 65_536;

/**
 * Writes `token`, or standard input for `-`, to the token file, 0600. Rejects with SMM613 when it cannot be a bearer
 * token.
 */
export async function setBearerToken(token: string, io: Io): Promise<void> {
  const text = (token === '-' ? await readAll(io) : token).trim();
  // A line end would break the HTTP header; a space mostly means that the token was quoted wrongly in the shell.
  if (!/^[\x21-\x7e]+$/.test(text)) {
    const sentence =
      text === ''
        ? 'cannot store the token: it is empty'
        : 'cannot store the token: it holds spaces or control characters';
    throw new AgentError(
      'SMM613',
      sentence,
      'give the whole token, for example: kubectl create token <account> | smm-agent set bearer-token -',
    );
  }
  const loaded = await loadConfig(io.paths);
  const file = onMachine(io.paths, loaded.state === 'configured' ? loaded.config.controlPlane.tokenFile : DEFAULT_FILE);
  if (dirname(file) === io.paths.credentials) await makeFolder(io.paths.credentials, 0o700);
  await writeAtomically(file, text, { mode: 0o600, owner: { uid: 0, gid: 0 } });
  const facts = tokenFacts(text);
  const until = facts?.validUntil ? `, valid until ${facts.validUntil.toISOString()}` : '';
  io.stdout.write(`stored the token in ${file}${until}\n`);
  const other = loaded.state === 'configured' ? otherGroup(facts, loaded.config.workloadGroup) : null;
  for (const doubt of [doubtAbout(text, new Date()), other]) {
    if (doubt !== null) io.stderr.write(`smm-agent: warning: ${doubt}\n`);
  }
}

/** Why the token looks useless. The token is stored all the same, since the API server alone decides. */
export function doubtAbout(token: string, now: Date): string | null {
  const facts = tokenFacts(token);
  if (facts === null) return 'the token does not look like a JSON Web Token, as Kubernetes issues them';
  return endOfToken(facts, now);
}

/**
 * Warns when the stored token belongs to another group: an operator sees a typing error before the API server says
 * "forbidden".
 */
export async function warnOfOtherGroup(io: Io): Promise<void> {
  const loaded = await loadConfig(io.paths);
  if (loaded.state !== 'configured') return;
  const { controlPlane, workloadGroup } = loaded.config;
  const token = await readText(onMachine(io.paths, controlPlane.tokenFile));
  const other = token === null ? null : otherGroup(tokenFacts(token.trim()), workloadGroup);
  if (other !== null) io.stderr.write(`smm-agent: warning: ${other}\n`);
}

async function readAll({ stdin }: Io): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of stdin) {
    text += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
    if (text.length > MAX_CHARS) {
      throw new AgentError(
        'SMM613',
        `cannot store the token: it is longer than ${MAX_CHARS} characters`,
        'give only the token',
      );
    }
  }
  return text;
}
