/** The jobs of systemd: at most one for each unit, and what happens to it when another job is requested. */
import type { Service } from './service.ts';

export type JobType = 'start' | 'stop' | 'restart' | 'reload';
export type JobResult = 'done' | 'failed' | 'canceled';

export interface Job {
  readonly id: number;
  readonly unit: string;
  /** A restart becomes a start after the unit has stopped, as in systemd. */
  type: JobType;
  state: 'waiting' | 'running';
}

interface OwnedJob extends Job {
  readonly ended: PromiseWithResolvers<JobResult>;
  isOver: boolean;
}

/** `--job-mode=fail`, and the unit has another job. */
export class JobConflict extends Error {
  override readonly name = 'JobConflict';
}

export class Jobs {
  readonly #byUnit = new Map<string, OwnedJob>();
  #lastId = 0;

  list(): readonly Job[] {
    return [...this.#byUnit.values()];
  }

  /**
   * Queues a job. Joins a job of the same type, and replaces any other job, or rejects with JobConflict. Resolves when
   * it has ended.
   */
  submit(service: Service, type: JobType, mode: 'replace' | 'fail' = 'replace'): Promise<JobResult> {
    const present = this.#byUnit.get(service.name);
    if (present?.type === type) return present.ended.promise;
    if (present !== undefined && mode === 'fail') {
      return Promise.reject(new JobConflict(`there is a ${present.type} job for ${service.name}`));
    }
    if (present !== undefined) this.#end(present, 'canceled');
    const job: OwnedJob = {
      id: ++this.#lastId,
      unit: service.name,
      type,
      // A start waits until a running stop has ended.
      state: type === 'start' && service.active === 'deactivating' ? 'waiting' : 'running',
      ended: Promise.withResolvers(),
      isOver: false,
    };
    this.#byUnit.set(service.name, job);
    this.#perform(job, service).catch(job.ended.reject);
    return job.ended.promise;
  }

  async #perform(job: OwnedJob, service: Service): Promise<void> {
    if (job.type === 'reload') return this.#end(job, (await service.reload()) ? 'done' : 'failed');
    if (job.type !== 'start') await service.stop();
    if (job.isOver) return;
    if (job.type === 'stop') return this.#end(job, 'done');
    job.type = 'start';
    job.state = service.active === 'deactivating' ? 'waiting' : 'running';
    const isUp = await service.start();
    this.#end(job, isUp ? 'done' : 'failed');
  }

  #end(job: OwnedJob, result: JobResult): void {
    if (job.isOver) return;
    job.isOver = true;
    if (this.#byUnit.get(job.unit) === job) this.#byUnit.delete(job.unit);
    job.ended.resolve(result);
  }
}
