/**
 * npm run crash-points -- [--deep] [--workload NAME] [--json]
 *
 * Each workload is run once by the real library on a disk that writes down what is done to it; then every state that a
 * crash may leave after each of these operations is built and opened. Without `--deep` as in `npm test`.
 */
import { DEEP, SHALLOW } from './crash-states';
import { crashEverywhere } from './record';
import { workloadCommand } from './workload-command';

workloadCommand((workload, deep) => crashEverywhere(workload, deep ? DEEP : SHALLOW), 'operations', 'states');
