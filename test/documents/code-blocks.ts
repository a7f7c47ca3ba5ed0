import { readSources } from '../architecture/sources';

/** A fenced block of code in a document. */
export interface CodeBlock {
  document: string;
  /** The line of its first fence, from 1 on. */
  line: number;
  language: string;
  text: string;
}

/** Made by a program from docstrings: signatures, nothing to run. */
const GENERATED = ['docs/library.md'];

/** All blocks of the README and the documents, in their order. */
export function codeBlocks(): CodeBlock[] {
  return [...readSources(['README.md', 'docs'], ['.md'])]
    .filter(([document]) => !GENERATED.includes(document))
    .flatMap(([document, text]) => blocksOf(document, text));
}

function blocksOf(document: string, text: string): CodeBlock[] {
  return [...text.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)].map(({ index, 1: language = '', 2: code = '' }) => ({
    document,
    line: text.slice(0, index).split('\n').length,
    language,
    text: code,
  }));
}

export const nameOf = ({ document, line }: CodeBlock): string => `${document}:${line}`;
