s/(active connections: [123])/(active connections: 1 to 3)/
