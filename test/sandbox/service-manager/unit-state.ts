/** The visible state of a service: changed by service.ts, read by `systemctl show`. */

export type ActiveState = 'active' | 'reloading' | 'inactive' | 'failed' | 'activating' | 'deactivating';

export class UnitState {
  active: ActiveState = 'inactive';
  sub = 'dead';
  result = 'success';
  mainPid = 0;
  /** The invocation of the last start. */
  invocation = '';
  /** The last STATUS of the service. */
  statusText = '';
  /** The number of automatic restarts. */
  restarts = 0;
  activeEnter: Date | null = null;
  activeExit: Date | null = null;
  inactiveEnter: Date | null = null;

  get isUp(): boolean {
    return isUp(this.active);
  }

  protected enter(active: ActiveState, sub: string): void {
    if (isUp(active) && !this.isUp) this.activeEnter = new Date();
    if (this.isUp && !isUp(active)) this.activeExit = new Date();
    if (active === 'inactive' || active === 'failed') this.inactiveEnter = new Date();
    this.active = active;
    this.sub = sub;
  }

  /** Sets the result of the invocation. The first failure counts; null for no failure. */
  protected fail(result: string | null): void {
    if (result !== null && this.result === 'success') this.result = result;
  }
}

function isUp(active: ActiveState): boolean {
  return active === 'active' || active === 'reloading';
}
