/**
 * <root>/proc/<pid>/cgroup for each process of a unit. Real cgroups need privileges, so the manager writes these files
 * of procfs when a program asks for the ControlGroup of a unit.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Service } from './service.ts';

export function controlGroupOf(unit: string): string {
  return `/system.slice/${unit}`;
}

/** Writes the groups of all services as they are now. */
export function writeControlGroups(root: string, services: readonly Service[]): void {
  const proc = join(root, 'proc');
  const groups = new Map(services.flatMap((service) => service.pids().map((pid) => [String(pid), service.name])));
  mkdirSync(proc, { recursive: true });
  for (const name of readdirSync(proc)) {
    if (/^\d+$/.test(name) && !groups.has(name)) rmSync(join(proc, name), { recursive: true });
  }
  for (const [pid, unit] of groups) {
    mkdirSync(join(proc, pid), { recursive: true });
    writeFileSync(join(proc, pid, 'cgroup'), `0::${controlGroupOf(unit)}\n`);
  }
}
