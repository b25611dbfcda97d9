// Loaded before the CLI: the machine has the name that PODSWAP_TEST_HOSTNAME says.
require('node:os').hostname = () => process.env.PODSWAP_TEST_HOSTNAME
