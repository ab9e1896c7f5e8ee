/** What there is to see of a service: `systemctl show` asks it, service.ts moves it. */

export type ActiveState = 'active' | 'reloading' | 'inactive' | 'failed' | 'activating' | 'deactivating';

export class UnitState {
  active: ActiveState = 'inactive';
  sub = 'dead';
  result = 'success';
  mainPid = 0;
  /** Of the last start. */
  invocation = '';
  /** What the service last said of itself. */
  statusText = '';
  /** How often it started again by itself. */
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

  /** The first thing that went wrong is the result of the invocation; null means that nothing did. */
  protected fail(result: string | null): void {
    if (result !== null && this.result === 'success') this.result = result;
  }
}

function isUp(active: ActiveState): boolean {
  return active === 'active' || active === 'reloading';
}
