"""What runs the lab's pipelines and their monitoring elsewhere: on AWS, and on Kubernetes."""
