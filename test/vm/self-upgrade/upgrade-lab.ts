/** A control plane, a repository and a machine of one test file's own, whose agent upgrades itself. */
import type { AgentVmOptions } from '../agent-vm.ts';
import type { Lab } from '../lab/lab.ts';
import { startOwnLab } from '../lab/mesh/control-plane.ts';
import { AgentRepository } from './repository.ts';
import { UpgradeVm } from './upgrade-vm.ts';

export interface UpgradeLab {
  lab: Lab;
  repository: AgentRepository;
  machine: UpgradeVm;
  end(): Promise<void>;
}

/** `expires` is of the repository, everything else of the machine. Nothing is left when it rejects. */
export async function startUpgradeLab({
  expires = {},
  ...options
}: AgentVmOptions & Parameters<typeof AgentRepository.make>[1]): Promise<UpgradeLab> {
  const ends: (() => Promise<void>)[] = [];
  const end = async () => {
    for (const one of ends.splice(0).reverse()) await one();
  };
  try {
    const own = await startOwnLab();
    ends.push(own.end);
    const repository = await AgentRepository.make(own.lab, { expires });
    ends.push(() => repository.stop());
    const machine = await UpgradeVm.make(own.lab, repository, options);
    ends.push(() => machine.vm.end());
    return { lab: own.lab, repository, machine, end };
  } catch (error) {
    await end();
    throw error;
  }
}
