// franz-go as a member of a group; see ../test_groups.
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func main() {
	client, err := kgo.NewClient(kgo.SeedBrokers(os.Args[1]), kgo.ConsumeTopics(os.Args[2]), kgo.ConsumerGroup(os.Args[3]),
		kgo.Balancers(kgo.RangeBalancer()), kgo.DisableAutoCommit(), kgo.SessionTimeout(6*time.Second),
		kgo.HeartbeatInterval(500*time.Millisecond), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	ctx, end := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		end()
	}()
	out := bufio.NewWriter(os.Stdout)
	for ctx.Err() == nil {
		fetches := client.PollRecords(ctx, 100)
		fetches.EachRecord(func(record *kgo.Record) { fmt.Fprintf(out, "%d\t%d\n", record.Partition, record.Offset) })
		out.Flush()
		if fetches.NumRecords() > 0 {
			limit, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			if err := client.CommitUncommittedOffsets(limit); err != nil {
				fmt.Fprintln(os.Stderr, "commit:", err)
			}
			cancel()
		}
	}
	client.Close()
}
