export { convertFlows } from './convert';
export { OWN_FIELDS, typesFor } from './node-types';
export type * from './types';
