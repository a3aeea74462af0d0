import type { Vim, VimContext, VimFactory } from '../model/vim.js';
import { OrdealError } from '../util/errors.js';
import { EmbeddedVim } from './embedded/embedded-vim.js';
import { LibvirtVim } from './libvirt/libvirt-vim.js';

/** Every VIM that Ordeal drives, by the name that descriptors use. */
export const vimFactories: Readonly<Record<string, VimFactory>> = {
  embedded: async (context) => new EmbeddedVim(context),
  libvirt: (context) => LibvirtVim.open(context),
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
