// Clients that bring no types along.
declare module 'needle'
declare module 'node-fetch2'
