// Loaded into Node-RED before its own code: when the launcher is gone, however it ended, Node-RED stops as well.
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
