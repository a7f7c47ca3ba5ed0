import type * as Library from '../src/index';

/** The package as it is installed: the built files, not the sources through a loader. */
export const library = require('../dist/src/index.js') as typeof Library;
