module ottla.test/goclient

go 1.24.0

require (
	github.com/twmb/franz-go v1.20.4
	github.com/twmb/franz-go/pkg/kmsg v1.12.0
)
