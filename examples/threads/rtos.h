/* What a real-time operating system gives, by POSIX threads, so that the example runs on a PC.  In
 * brackets: FreeRTOS's names for the same. */
#ifndef RTOS_H
#define RTOS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* A binary signal [task notification]: given before it is awaited, it is not lost. */
struct signal {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool given;
};
#define SIGNAL_INIT \
    { \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false \
    }

/* [xTaskNotifyGive(); vTaskNotifyGiveFromISR()] */
static inline void signal_give(struct signal *s)
{
    pthread_mutex_lock(&s->lock);
    s->given = true;
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

/* Waits until it is given, at most `ms` [ulTaskNotifyTake(pdTRUE, ms)]. */
static inline void signal_take(struct signal *s, uint32_t ms)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += ms / 1000;
    end.tv_nsec += ms % 1000 * 1000000;
    if (end.tv_nsec >= 1000000000) {
        end.tv_sec++;
        end.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&s->lock);
    while (!s->given && pthread_cond_timedwait(&s->changed, &s->lock, &end) == 0) {
    }
    s->given = false;
    pthread_mutex_unlock(&s->lock);
}

/* [xTaskGetTickCount() * portTICK_PERIOD_MS] */
static inline uint32_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint32_t)((uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000);
}

/* [vTaskDelay()] */
static inline void sleep_ms(uint32_t ms)
{
    nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

/* Octets from one interrupt to one task, without a lock [a stream buffer].  Each side writes its
 * own index only.  The queue's depth: docs/porting.md. */
enum { RING = 1024 };
struct ring {
    uint8_t octet[RING];
    uint32_t in, out; /* octets so far */
};

static inline bool ring_put(struct ring *r, uint8_t octet)
{
    uint32_t out = __atomic_load_n(&r->out, __ATOMIC_ACQUIRE);
    if (r->in - out == RING) {
        return false;
    }
    r->octet[r->in % RING] = octet;
    __atomic_store_n(&r->in, r->in + 1, __ATOMIC_RELEASE);
    return true;
}

static inline size_t ring_get(struct ring *r, uint8_t *to, size_t room)
{
    uint32_t in = __atomic_load_n(&r->in, __ATOMIC_ACQUIRE), out = r->out;
    size_t n = 0;
    while (n < room && out != in) {
        to[n++] = r->octet[out++ % RING];
    }
    __atomic_store_n(&r->out, out, __ATOMIC_RELEASE);
    return n;
}

#endif
