/** Repositories in a temporary folder, made in this process, with very small archives. */
import { chmod, cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildAgentArchive, buildRuntimeArchive } from '../../packaging/artifacts.ts';
import { type CreateOptions, createRepository } from '../../publisher/operations/create.ts';
import type { Publisher } from '../../publisher/publisher.ts';
import type { OnStep } from '../../publisher/steps.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary.ts';

const RUNTIME = '24.0.0';

export class Fixture implements AsyncDisposable {
  readonly #temporary: TemporaryFolder;

  private constructor(temporary: TemporaryFolder) {
    this.#temporary = temporary;
  }

  /** An empty folder. */
  static async make(): Promise<Fixture> {
    return new Fixture(await temporaryFolder());
  }

  /** A repository with one key for each role, and its keys. */
  static async withRepository(
    options: CreateOptions = { keys: { root: { keys: 1, threshold: 1 } } },
  ): Promise<Fixture> {
    const fixture = await Fixture.make();
    await createRepository(fixture.publisher(), options);
    return fixture;
  }

  at(...path: string[]): string {
    return join(this.#temporary.path, ...path);
  }

  get folder(): string {
    return this.at('repository');
  }

  get keys(): string {
    return this.at('keys');
  }

  publisher(more: Partial<Publisher> = {}): Publisher {
    return { folder: this.folder, keys: [this.keys], ...more };
  }

  /** An archive of the agent. Its code is `word`. */
  agentArchive(version: string, word = version): Promise<string> {
    const contents = { version, runtimeVersion: RUNTIME, code: `${word}\n`, copyright: 'copyright\n' };
    return buildAgentArchive(contents, { output: this.at('build', word), level: 1, sourceDateEpoch: 1 });
  }

  /** An archive of a runtime. Its node has the given content. */
  async runtimeArchive(architecture: 'amd64' | 'arm64', node: string | Buffer = '#!/bin/sh\n'): Promise<string> {
    const runtime = this.at('runtime');
    await mkdir(join(runtime, 'bin'), { recursive: true });
    await writeFile(join(runtime, 'bin/node'), node);
    await chmod(join(runtime, 'bin/node'), 0o755);
    await writeFile(join(runtime, 'LICENSE'), 'licence\n');
    const contents = { runtimeVersion: RUNTIME, runtime };
    return buildRuntimeArchive(contents, architecture, { output: this.at('build'), level: 1 });
  }

  /** A file with the content `word`, and a target path that no agent uses. */
  async file(word: string): Promise<{ file: string; path: string }> {
    const file = this.at(`${word}.txt`);
    await writeFile(file, `${word}\n`);
    return { file, path: `other/${word}.txt` };
  }

  /**
   * Copies of the repository and the keys after each step of `work`: what a SIGKILL at that step would leave on disk.
   */
  async killedAtEachStep(
    work: (publisher: Publisher) => Promise<unknown>,
  ): Promise<{ step: string; publisher: Publisher }[]> {
    const killed: { step: string; publisher: Publisher }[] = [];
    const onStep: OnStep = async (name) => {
      const step = `${killed.length + 1} ${name}`;
      const publisher = { folder: this.at(step, 'repository'), keys: [this.at(step, 'keys')] };
      await cp(this.folder, publisher.folder, { recursive: true });
      await cp(this.keys, this.at(step, 'keys'), { recursive: true }).catch(ignoreAbsent);
      killed.push({ step, publisher });
    };
    await work(this.publisher({ onStep }));
    return killed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#temporary[Symbol.asyncDispose]();
  }
}

function ignoreAbsent(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

/** A clock that is `days` days ahead. */
export function inDays(days: number): () => Date {
  return () => new Date(Date.now() + days * 86_400_000);
}
