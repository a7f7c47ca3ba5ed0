import type { HolderFacts } from '../../src/store/holder-identity';

/** Facts of a machine on which only the newest process lives. */
export function holderFacts(number: number, boot: number): HolderFacts {
  return {
    self: async () => ({
      host: 'simulated',
      bootId: `boot-${boot}`,
      pidNamespace: '',
      pid: number,
      processStart: String(number),
    }),
    isFirstNamespace: () => true,
    process: async (pid) => (pid === number ? { start: String(pid) } : undefined),
    isNamespaceInUse: async () => true,
  };
}
