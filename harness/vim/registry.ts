import type { Vim, VimContext, VimFactory } from '../model/vim.js';
import { OrdealError } from '../util/errors.js';

/**
 * Every VIM that Ordeal drives, by the name that descriptors use. A driver is loaded when a descriptor names it: a guard is
 * up before a fault may come, so it waits for no vendor's library that it does not need.
 */
export const vimFactories: Readonly<Record<string, VimFactory>> = {
  docker: async (context) => (await import('./docker/docker-vim.js')).openDocker(context),
  embedded: async (context) => new (await import('./embedded/embedded-vim.js')).EmbeddedVim(context),
  kubernetes: async (context) => (await import('./kubernetes/kubernetes-vim.js')).KubernetesVim.open(context),
  libvirt: async (context) => (await import('./libvirt/libvirt-vim.js')).LibvirtVim.open(context),
  podman: async (context) => (await import('./podman/podman-vim.js')).openPodman(context),
  runc: async (context) => (await import('./runc/runc-vim.js')).openRunc(context),
};

/** @throws OrdealError of kind file-invalid for a VIM that there is no driver for */
export async function openVim(kind: string, context: VimContext): Promise<Vim> {
  const factory = Object.hasOwn(vimFactories, kind) ? vimFactories[kind] : undefined;
  if (factory === undefined) {
    throw new OrdealError('file-invalid', `VIM "${kind}" has no driver`, {
      where: `${context.service.file}: vims`,
      expected: `one of ${Object.keys(vimFactories).join(', ')}`,
      remedy: 'Correct the descriptor.',
    });
  }
  return factory(context);
}
