// franz-go as a client of the node under test. See ../README.md for the commands.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Of the first record.
var timeMs = must(strconv.ParseInt(os.Getenv("TIME_MS"), 10, 64))

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func number(text string) int { return must(strconv.Atoi(text)) }

func create(ctx context.Context, bootstrap, topic string, partitions int) {
	client := must(kgo.NewClient(kgo.SeedBrokers(bootstrap)))
	defer client.Close()
	request := kmsg.NewPtrCreateTopicsRequest()
	wanted := kmsg.NewCreateTopicsRequestTopic()
	wanted.Topic, wanted.NumPartitions, wanted.ReplicationFactor = topic, int32(partitions), 1
	request.Topics = append(request.Topics, wanted)
	request.TimeoutMillis = 30000
	response := must(request.RequestWith(ctx, client))
	if err := kerr.ErrorForCode(response.Topics[0].ErrorCode); err != nil {
		must(0, err)
	}
}

func produce(ctx context.Context, bootstrap, topic string, partition int, codec string, count int, prefix string) {
	codecs := map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(),
		"snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}
	client := must(kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(codecs[codec])))
	defer client.Close()
	var records []*kgo.Record
	for i := 0; i < count; i++ {
		records = append(records, &kgo.Record{Topic: topic, Partition: int32(partition),
			Key: []byte(fmt.Sprintf("%s-k%d", prefix, i)), Value: []byte(strings.Repeat(fmt.Sprintf("%s-v%d ", prefix, i), 1+i%7)),
			Timestamp: time.UnixMilli(timeMs + int64(i)), Headers: []kgo.RecordHeader{{Key: "codec", Value: []byte(codec)}}})
	}
	must(0, client.ProduceSync(ctx, records...).FirstErr())
}

func consume(ctx context.Context, bootstrap, topic string, partition, count int, start kgo.Offset) {
	client := must(kgo.NewClient(kgo.SeedBrokers(bootstrap),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {int32(partition): start}})))
	defer client.Close()
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for seen := 0; seen < count; {
		fetches := client.PollFetches(ctx)
		must(0, fetches.Err())
		fetches.EachRecord(func(record *kgo.Record) {
			if seen < count {
				fmt.Fprintf(out, "%d\t%d\t%s\t%s\n", record.Offset, record.Timestamp.UnixMilli(), record.Key, record.Value)
			}
			seen++
		})
	}
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	args := os.Args[1:]
	switch args[0] {
	case "create":
		create(ctx, args[1], args[2], number(args[3]))
	case "produce":
		produce(ctx, args[1], args[2], number(args[3]), args[4], number(args[5]), args[6])
	case "consume":
		start := kgo.NewOffset().AtStart()
		if len(args) > 5 {
			start = kgo.NewOffset().AfterMilli(int64(number(args[5])))
		}
		consume(ctx, args[1], args[2], number(args[3]), number(args[4]), start)
	}
}
