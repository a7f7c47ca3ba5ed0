import { readSources } from '../architecture/sources';

/** A fenced block of code in a document. */
export interface CodeBlock {
  document: string;
  /** The line of its first fence, from 1 on. */
  line: number;
  language: string;
  text: string;
}

/** All blocks of the README and the documents, in their order. */
export function codeBlocks(): CodeBlock[] {
  return [...readSources(['README.md', 'docs'], ['.md'])].flatMap(([document, text]) => blocksOf(document, text));
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

/** A command that stands in a sentence. */
export interface InlineCommand {
  document: string;
  line: number;
  text: string;
}

/** Spans of code in prose that are a command of the package or of the project. */
export function inlineCommands(): InlineCommand[] {
  return [...readSources(['README.md', 'docs'], ['.md'])].flatMap(([document, text]) => {
    const prose = text.replace(/^```[\s\S]*?^```$/gm, (block) => block.replace(/[^\n]/g, ''));
    return [...prose.matchAll(/`((?:unshare [^`]*)?(?:npx|npm|curl|node|mqtt-sessions) [^`]+)`/g)].map((match) => ({
      document,
      line: prose.slice(0, match.index).split('\n').length,
      text: (match[1] ?? '').replace(/\s+/g, ' '),
    }));
  });
}
