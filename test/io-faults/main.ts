/**
 * npm run io-faults -- [--deep] [--workload NAME] [--json]
 *
 * Each workload is run again and again by the real library, each time with another call to the disk that fails. With
 * `--deep` every call with every code that it may answer, once and for ever; without, as in `npm test`.
 */
import { workloadCommand } from '../crash-points/workload-command';
import { failEverywhere } from './run';

workloadCommand((workload, deep) => failEverywhere(workload, deep ? 'full' : 'sample'), 'calls', 'runs');
