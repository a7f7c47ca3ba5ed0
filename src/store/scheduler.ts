export { type Scheduler, systemScheduler } from '../scheduler';
