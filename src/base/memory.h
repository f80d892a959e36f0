#pragma once

/* Remembers that memory was out. What is built from buffers and arenas is less than it should be then, and often nobody can tell:
   a text that is empty, a list that is short. Whoever makes something durable of it asks before. */

/* memory_failed: an allocation of this thread failed. */
void memory_failed(void);
/* memory_failures: how many have, since the thread began. */
unsigned long memory_failures(void);
