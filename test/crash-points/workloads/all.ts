import type { Workload } from '../workload';
import { files } from './files';
import { full } from './full-disk';
import { moving } from './moving';
import { publishing } from './publishing';
import { receivingAll } from './receiving';

export const workloads: readonly Workload[] = [...publishing, ...receivingAll, ...files, ...moving, ...full];
