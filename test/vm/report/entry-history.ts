/**
 * Every version of a machine's WorkloadEntry, as the API server tells it to a watcher: sampling would miss the short
 * ones.
 */
import assert from 'node:assert/strict';
import { request } from 'node:https';
import { connect } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import { OWN_CODES, OWN_CONDITIONS } from '../../../src/control-plane/report/entry-report.ts';
import type { AgentVm } from '../agent-vm.ts';
import type { KubeObject } from '../lab/mesh/kube.ts';

export interface EntryEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly entry: KubeObject;
  /** performance.now() at its arrival. */
  readonly atMs: number;
}

export class EntryHistory implements Disposable {
  readonly events: EntryEvent[] = [];
  readonly #stop = new AbortController();
  /** Set when the server ended the watch: what follows would be missing without a word. */
  #failure: Error | null = null;

  /** Begins with the entry as it is now, where there is one. */
  async start({ lab, namespace, group, machine }: AgentVm): Promise<this> {
    const { server } = lab.state;
    const url = new URL(`${server.url}/apis/networking.istio.io/v1/namespaces/${namespace}/workloadentries`);
    url.search = `watch=true&fieldSelector=metadata.name%3D${group}-${machine.address}`;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const outgoing = request(
      {
        path: `${url.pathname}${url.search}`,
        headers: { host: url.host, authorization: `Bearer ${server.adminToken}` },
        createConnection: () =>
          connect({
            socket: lab.tunnel.dial(url.hostname, Number(url.port)),
            host: url.hostname,
            ca: server.credentials.ca,
          }),
        signal: this.#stop.signal,
      },
      (incoming) => {
        resolve();
        let rest = '';
        incoming.setEncoding('utf8').on('data', (text: string) => {
          const lines = (rest + text).split('\n');
          rest = lines.pop() ?? '';
          for (const line of lines) this.#note(JSON.parse(line));
        });
        incoming.on('end', () => this.#fail(new Error('the API server ended the watch')));
        incoming.on('error', (error) => this.#fail(error));
      },
    );
    outgoing.on('error', (error) => {
      reject(error);
      this.#fail(error);
    });
    outgoing.end();
    await promise;
    return this;
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
  }

  /** How many times the agent's own parts changed between two versions of the same entry. */
  reports(): number {
    return this.#pairs().filter(([before, after]) => !isDeepStrictEqual(own(before), own(after))).length;
  }

  /** How many times istiod's word on the machine's health changed. */
  changesOfHealth(): number {
    return this.#pairs().filter(([before, after]) => healthy(before)?.status !== healthy(after)?.status).length;
  }

  /**
   * No version of an entry lacks a `Healthy` that an earlier one had, and none that the agent wrote has another one.
   */
  assertHealthyNeverLost(): void {
    assert.equal(this.#failure, null);
    for (const [before, after] of this.#pairs()) {
      if (healthy(before) === undefined) continue;
      assert.ok(healthy(after), `Healthy was lost in version ${after.metadata.resourceVersion}`);
      if (isDeepStrictEqual(own(before), own(after))) continue;
      assert.deepEqual(healthy(after), healthy(before), 'the agent wrote another Healthy than it found');
    }
  }

  /**
   * Milliseconds from the last creation of the entry to the first version that carries both of the agent's conditions.
   */
  reportedAfterMs(): number | null {
    const added = this.events.findLast(({ type }) => type === 'ADDED');
    if (added === undefined) return null;
    const reported = this.events.find(
      ({ type, entry, atMs }) =>
        type !== 'DELETED' &&
        atMs >= added.atMs &&
        entry.metadata.uid === added.entry.metadata.uid &&
        own(entry).conditions.length === 2,
    );
    return reported === undefined ? null : reported.atMs - added.atMs;
  }

  #note(event: { type: EntryEvent['type']; object: KubeObject }): void {
    this.events.push({ type: event.type, entry: event.object, atMs: performance.now() });
  }

  #fail(error: Error): void {
    if (!this.#stop.signal.aborted) this.#failure ??= error;
  }

  #pairs(): [KubeObject, KubeObject][] {
    return this.events.slice(1).flatMap(({ type, entry }, index): [KubeObject, KubeObject][] => {
      const before = this.events[index]?.entry;
      return type === 'MODIFIED' && before?.metadata.uid === entry.metadata.uid ? [[before, entry]] : [];
    });
  }
}

export function healthy(entry: KubeObject | undefined): KubeObject | undefined {
  return (entry?.status?.conditions ?? []).find(({ type }: KubeObject) => type === 'Healthy');
}

/** What is the agent's own on an entry. */
export function own(entry: KubeObject | undefined): { conditions: KubeObject[]; messages: KubeObject[] } {
  const types: string[] = Object.values(OWN_CONDITIONS);
  return {
    conditions: (entry?.status?.conditions ?? []).filter(({ type }: KubeObject) => types.includes(type)),
    messages: (entry?.status?.validationMessages ?? []).filter(({ type }: KubeObject) =>
      type.code.startsWith(OWN_CODES),
    ),
  };
}
